"""What a person accepts: waivers, a baseline, and levels per stack."""
