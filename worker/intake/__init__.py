"""How documents and tasks come into the worker's own pool, from Redis and from RabbitMQ."""
