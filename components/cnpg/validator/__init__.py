"""What runs inside the validation CronJob. `check.py` goes into a ConfigMap as it is: it imports nothing of ours."""
