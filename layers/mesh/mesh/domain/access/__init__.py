"""Who can read what: Lake Formation's documented semantics, evaluated on a catalog's state. Pure; no I/O.

Sources: the Lake Formation developer guide, "Lake Formation tag-based access control", "Lake Formation permissions
reference", "Implicit Lake Formation permissions", "Cross-account data sharing in Lake Formation".
"""
