"""One durable log, many readers: every northbound thing has its own cursor here.

The log knows nothing of MQTT, InfluxDB or tickets. It stores frames, changes and
rule watches in order, and remembers how far each named reader has got.
"""
