"""What several rules ask alike: of pods, budgets, names, pools and backup jobs."""
