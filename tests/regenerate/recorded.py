"""What the scripts share that compare computed tensors with those of a file."""

import argparse


def way(description):
    """Reads --check (the default) or --write off the command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--check", action="store_true", help="compare what is there (the default)")
    ways.add_argument("--write", action="store_true", help="make it anew")
    return parser.parse_args()


def close(stage, recorded, values, group, tolerance):
    """Prints a row for each group of tensors; whether all are as near as a share of the largest value."""
    groups = {}
    for name, value in values.items():
        expected = recorded[name].double()
        if expected.shape != value.shape:
            raise ValueError(f"{name} is {tuple(expected.shape)} in the file, {tuple(value.shape)} computed")
        difference = float((value - expected).abs().max() / expected.abs().max())
        groups.setdefault(group(name), []).append((difference, value.numel(), name))
    for name, rows in groups.items():
        print(f"{f'{stage} {name}':29}{len(rows):3} tensors {sum(row[1] for row in rows):8,} values   "
              f"{max(rows)[0]:7.1e} of {tolerance:.0e}{'' if max(rows)[0] <= tolerance else '  TOO FAR'}   {max(rows)[2]}")
    return all(difference <= tolerance for rows in groups.values() for difference, _, _ in rows)
