"""Is a batch of the same kind as what was accepted before? (Well-Architected Machine Learning Lens, MLSEC-10, -11.)"""
