"""`smart-assign rules`: the country rules, local overrides, diffs and what-if."""
