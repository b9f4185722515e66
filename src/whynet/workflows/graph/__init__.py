"""The explanatory graphs of a network's classes: fitted on training pictures, held against filters on test pictures.

Zhang, Cao, Shi, Wu & Zhu, "Interpreting CNN Knowledge via an Explanatory Graph", AAAI 2018, arXiv:1708.01785. Each
class has a graph of its own (`finding`). Its nodes, the filters that they came from, and places that never move are
then points that are somewhere in each picture (`points`), and are measured alike (`measuring`).
"""
