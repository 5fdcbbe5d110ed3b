"""The status page, /metrics, and the rest of what is served over HTTP."""
