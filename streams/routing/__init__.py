"""Which series an event feeds: standards compiled to routes and cells, and the catalogue that numbers the series.

Enter at `router.Router`. Nothing here counts: weights of cells are kept by the engine's open slices.
"""
