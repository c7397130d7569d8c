"""What is removed when a person asks for it: every trace of one recipient's number, and the account of that."""
