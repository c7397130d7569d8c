"""What would happen if: one message, one campaign, or one change of the rules, without side effects."""
