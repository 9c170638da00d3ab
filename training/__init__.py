"""Offline: corpus, tokenizer, pretraining and checkpoint of Mixline's own model."""
