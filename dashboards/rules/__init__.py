"""Alerting rules for Prometheus (`rules`) and routes for Alertmanager (`alertmanager`).

No rule judges an objective: the monitor does, and the rules page on its decision.
"""
