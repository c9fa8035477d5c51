"""How far a finished picture is from its photo and from its paintings, in numbers.

Each measure is one pure function: `transport` compares distributions, `structure` compares what is
where, `colour` compares colours. `measures` describes each number. `evaluator` computes all of them
by one protocol. docs/metrics.md explains them in words.
"""
