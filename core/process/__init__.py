"""What any process of ours sets up for itself: logs, garbage collection, Redis clients."""
