"""What the end-to-end tests and benchmarks share: processes, clusters, fetched parts, Java.

Standard library only, Python 3.9 or newer. Everything runs on loopback and in temporary folders.
"""
