from .chinese_capitals import chinese_capitals

__all__ = ["chinese_capitals"]
