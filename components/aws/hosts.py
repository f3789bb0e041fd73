"""Host names of AWS' services in one region."""


def domain(region: str) -> str:
    """The domain of AWS in the region's partition: China has one of its own."""
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def s3_host(region: str) -> str:
    """S3; a bucket's own host name is `<bucket>.` before it."""
    return f"s3.{region}.{domain(region)}"


def sts_host(region: str) -> str:
    """The token service, which pods with IAM roles ask."""
    return f"sts.{region}.{domain(region)}"
