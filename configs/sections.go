package configs

// ServiceTarget is one service.
type ServiceTarget struct {
	Name        string              `yaml:"name"`
	Environment string              `yaml:"environment"`
	Match       []string            `yaml:"match"`
	Health      []Health            `yaml:"health"`
	Commands    map[string][]string `yaml:"commands"`
}

// Health is an address that answers while the service is well.
type Health struct {
	URL      string `yaml:"url"`
	Status   int    `yaml:"status"`
	Contains string `yaml:"contains"`
}
