{{/* What the values ask for and does not happen, as YAML: reasons by path. */}}
{{- define "headpond.notes" -}}
{{- $keys := .Files.Get "files/keys.yaml" | fromYaml }}
{{- $notes := dict }}
{{- include "headpond.look" (dict "rows" $keys.keys "value" (omit .Values.AsMap "global") "path" "" "key" "" "notes" $notes) }}
{{- $notes = merge $notes (include "headpond.settings" . | fromYaml).notes }}
{{- $tiers := include "headpond.tiers" . | fromYaml }}
{{- $notes = merge $notes (include "headpond.resources" (list . "worker" $tiers.memory) | fromYaml).notes }}
{{- if include "headpond.imageIsStock" . }}
{{- $_ := set $notes "image" (printf "%s is the stock one; %s takes its place" .Values.image (include "headpond.image" .)) }}
{{- end }}
{{- if and (gt (int .Values.master.count) 1) (eq .Values.journal.type "UFS") }}
{{- $_ := set $notes "journal.type" "UFS is for one master: several keep an EMBEDDED one together" }}
{{- end }}
{{- toYaml $notes }}
{{- end }}

{{/* Looks for keys that ask for what is not served: a value and all below it. */}}
{{- define "headpond.look" -}}
{{- $dot := .path | empty | ternary "" "." }}
{{- range $name, $value := .value }}
{{- $path := printf "%s%s%s" $.path $dot $name }}
{{- $key := printf "%s%s%s" $.key $dot $name }}
{{- $row := get $.rows $key }}
{{- if not $row }}
{{- $_ := set $.notes $path "is no key of the chart" }}
{{- else if include "headpond.why" $row }}
{{- if include "headpond.asks" (list $row $value) }}
{{- $_ := set $.notes $path (include "headpond.why" $row) }}
{{- end }}
{{- else if and (eq $row.is "group") $value }}
{{- include "headpond.look" (dict "rows" $.rows "notes" $.notes "value" $value "path" $path "key" $key) }}
{{- else if eq $row.is "list" }}
{{- range $i, $item := default list $value }}
{{- include "headpond.look" (dict "rows" $.rows "notes" $.notes "value" $item "path" (printf "%s[%d]" $path $i) "key" (printf "%s[]" $key)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "headpond.why" -}}
{{- default (default "" .chart) .why }}
{{- end }}

{{/* Whether a value asks for more than is done anyway: (list row value). */}}
{{- define "headpond.asks" -}}
{{- $row := index . 0 }}
{{- $value := index . 1 }}
{{- if and $value (ne (toJson $value) (toJson $row.same)) }}
{{- if or (not $row.needs) (get $value (default "" $row.needs)) }}true{{ end }}
{{- end }}
{{- end }}
