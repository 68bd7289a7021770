"""What the direct sampler computes with: NumPy, or torch on a CPU or GPU, in double or single precision.

The learner is written once, in operations that NumPy and torch share; a backend says where arrays live and who draws
the standard normal values. Double precision on the CPU draws with NumPy whatever the backend, and NumPy's single
precision rounds those values, so these three can be compared trial by trial. Torch draws by itself where that is
faster: in single precision (3.4 ns a value on one core, NumPy 7.6, torch in double precision 17) and on a GPU.
Those draws are others, and are recorded as such.
"""
