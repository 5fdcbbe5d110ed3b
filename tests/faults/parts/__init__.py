"""The real parts of a fault run: brokers, disks, proxies, workers."""
