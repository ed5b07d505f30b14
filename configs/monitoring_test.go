package configs_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// metric finds the names of metrics in a query.
var metric = regexp.MustCompile(`\b(camrelay|go|process)_[a-z0-9_]+`)

func TestPrometheusReadsTheRelay(t *testing.T) {
	var p struct {
		Scrape []struct {
			Static []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	decode(t, "configs/prometheus.yml", &p)
	if len(p.Scrape) != 1 || !slices.Equal(p.Scrape[0].Static[0].Targets, []string{"relay:8080"}) {
		t.Errorf("it reads %+v", p.Scrape)
	}
}

func TestGrafanaFindsItsFiles(t *testing.T) {
	var sources struct {
		Datasources []struct {
			UID string `yaml:"uid"`
			URL string `yaml:"url"`
		} `yaml:"datasources"`
	}
	decode(t, "configs/grafana/provisioning/datasources/prometheus.yml", &sources)
	if len(sources.Datasources) != 1 || sources.Datasources[0].UID != "prometheus" || sources.Datasources[0].URL != "http://prometheus:9090" {
		t.Errorf("it reads %+v", sources)
	}
	var boards struct {
		Providers []struct {
			Options struct {
				Path string `yaml:"path"`
			} `yaml:"options"`
		} `yaml:"providers"`
	}
	decode(t, "configs/grafana/provisioning/dashboards/camrelay.yml", &boards)
	grafana := readCompose(t).Services["grafana"]
	path := boards.Providers[0].Options.Path
	if !slices.Contains(grafana.Volumes, "./configs/grafana/dashboards:"+path+":ro") {
		t.Errorf("dashboards are looked for in %s, which is not mounted: %q", path, grafana.Volumes)
	}
	home := grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if home != path+"/camrelay.json" {
		t.Errorf("its first page is %s", home)
	}
}

// dashboard is what the tests look at.
type dashboard struct {
	Panels []struct {
		ID          int            `json:"id"`
		Title       string         `json:"title"`
		Type        string         `json:"type"`
		GridPos     map[string]int `json:"gridPos"`
		Datasource  struct{ UID string }
		Targets     []struct{ Expr string }
		FieldConfig struct {
			Defaults struct{ Unit string }
		} `json:"fieldConfig"`
	} `json:"panels"`
	Templating struct {
		List []struct{ Definition string }
	} `json:"templating"`
}

func readDashboard(t testing.TB) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal(read(t, "configs/grafana/dashboards/camrelay.json"), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// queried are the metrics the dashboard asks for.
func queried(t testing.TB) []string {
	t.Helper()
	d := readDashboard(t)
	names := map[string]bool{}
	add := func(query string) {
		for _, name := range metric.FindAllString(query, -1) {
			names[name] = true
		}
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			add(target.Expr)
		}
	}
	for _, v := range d.Templating.List {
		add(v.Definition)
	}
	var sorted []string
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	return sorted
}

func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	ids := map[int]bool{}
	for i, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%s: id %d is taken", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Type == "row" {
			continue
		}
		if p.Datasource.UID != "prometheus" || len(p.Targets) == 0 || p.FieldConfig.Defaults.Unit == "" {
			t.Errorf("%s has no data source, query or unit", p.Title)
		}
		for _, target := range p.Targets {
			if strings.Count(target.Expr, "(") != strings.Count(target.Expr, ")") {
				t.Errorf("%s: parentheses in %s", p.Title, target.Expr)
			}
			if strings.Contains(target.Expr, "_total") && !strings.Contains(target.Expr, "$__rate_interval") && !strings.Contains(target.Expr, "[1h]") {
				t.Errorf("%s: a counter without a rate: %s", p.Title, target.Expr)
			}
		}
		for _, q := range d.Panels[i+1:] {
			a, b := p.GridPos, q.GridPos
			if a["x"] < b["x"]+b["w"] && b["x"] < a["x"]+a["w"] && a["y"] < b["y"]+b["h"] && b["y"] < a["y"]+a["h"] {
				t.Errorf("%s and %s overlap", p.Title, q.Title)
			}
		}
	}
	if names := queried(t); len(names) < 20 {
		t.Errorf("it asks for %q only", names)
	}
}
