"""The policy pack: what will exist, judged by one file of rules per risk, behind four doors.

It knows the operators (`operators/`) and nothing of our components, so that it judges anybody's Dragonfly and
CloudNativePG resources.
"""
