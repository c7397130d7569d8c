"""What our Celery application is made of: its settings, routes, schedule, events and the threads beside its consumer."""
