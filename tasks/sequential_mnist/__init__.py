"""Sequential MNIST: an image is read one pixel at a time, 784 steps, and classified at the end."""
