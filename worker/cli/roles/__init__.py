"""The roles in the foreground: worker, scheduler, API, Flower, and `up` and `demo`, which run several."""
