"""A lean MQTT client that subscribes and reads fast: for ingest, where paho's cost per message counts."""
