"""How far a finished picture is from its photo and from its paintings, in numbers.

One measure, one pure function: `transport` compares distributions, `structure` what is where,
`colour` the colours. `measures` says what each number means, `yardstick` takes them all of a
picture by one protocol. docs/metrics.md has it all in words.
"""
