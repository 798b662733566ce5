"""The things that devices measure and move: lamps, mains, fields, stations, trucks.

Left alone, a plant follows the world's plan exactly; what a command or a fault changes is kept beside it.
Times are UTC seconds since 1970 and must not run backwards for one plant.
"""
