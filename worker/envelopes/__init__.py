"""How a task or a document is opened when it comes in, and sealed when it goes out: kombu's and Celery's forms."""
