"""Who may open which port: NetworkPolicy and CiliumNetworkPolicy read into one form."""
