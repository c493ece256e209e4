"""The whole life of a project on data that everybody has, in under a minute: told, checked, and nothing left behind."""

from expunge.demo.story import play

__all__ = ["play"]
