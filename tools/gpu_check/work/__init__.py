"""The work of each piece: a module with `main(device, tiny, *arguments)`, which gives measurements as it gets them."""
