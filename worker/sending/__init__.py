"""What a producer at the command line does: reads recipients and messages from files and enqueues them, resumably."""
