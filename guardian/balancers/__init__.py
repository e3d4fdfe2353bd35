"""What guardian can steer traffic with; each balancer in a folder of its own, behind ``core.ports.Balancer``."""
