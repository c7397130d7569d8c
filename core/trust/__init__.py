"""Trust from evidence: what receipts say of senders, as rates that fade, published for decisions, and frozen by operators."""
