"""The documents that other programs exchange with us: models, decoders, ids and JSON Schemas."""
