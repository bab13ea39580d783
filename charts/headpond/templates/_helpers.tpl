{{- define "headpond.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* As the stock chart has it, and short enough for a StatefulSet's pods to be named after it. */}}
{{- define "headpond.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "headpond.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "headpond.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Whether the values name a stock image, which can't run our roles. */}}
{{- define "headpond.imageIsStock" -}}
{{- if regexMatch "(^|/)alluxio/alluxio" (default "" .Values.image) }}true{{ end }}
{{- end }}

{{- define "headpond.image" -}}
{{- if or (include "headpond.imageIsStock" .) (not .Values.image) }}
{{- printf "headpond/headpond:%s" .Chart.AppVersion }}
{{- else }}
{{- printf "%s:%s" .Values.image (default .Chart.AppVersion (include "headpond.text" .Values.imageTag)) }}
{{- end }}
{{- end }}

{{/* What selects a role's pods: (list . "master"). */}}
{{- define "headpond.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: headpond
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* (list . "master"), or "" as the role. Those of the stock chart are for scripts that ask for them. */}}
{{- define "headpond.labels" -}}
{{- $root := index . 0 }}
{{- $role := index . 1 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{ include "headpond.podLabels" . }}
{{- end }}

{{/* Without the chart's version, which is no reason for new pods. */}}
{{- define "headpond.podLabels" -}}
{{- $root := index . 0 }}
{{- $role := index . 1 -}}
app.kubernetes.io/name: headpond
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: headpond
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app: {{ include "headpond.name" $root }}
release: {{ $root.Release.Name }}
heritage: {{ $root.Release.Service }}
{{- with $role }}
app.kubernetes.io/component: {{ . }}
role: alluxio-{{ . }}
{{- end }}
{{- end }}

{{/* Where masters and workers are reached: (list . "master" 0). */}}
{{- define "headpond.masterHost" -}}
{{- printf "%s-master-%d.%s.svc" (include "headpond.fullname" (index . 0)) (int (index . 1)) (index . 0).Release.Namespace }}
{{- end }}

{{/* "host:port" of all masters: (list . port). */}}
{{- define "headpond.masters" -}}
{{- $root := index . 0 }}
{{- $hosts := list }}
{{- range until (int $root.Values.master.count) }}
{{- $hosts = append $hosts (printf "%s:%d" (include "headpond.masterHost" (list $root .)) (int (index $ 1))) }}
{{- end }}
{{- join "," $hosts }}
{{- end }}

{{/* A value as text. Helm's numbers are floating. */}}
{{- define "headpond.text" -}}
{{- if kindIs "string" . }}{{ . }}{{ else if not (kindIs "invalid" .) }}{{ toJson . }}{{ end }}
{{- end }}

{{/* Bytes of a size of ours, whose units are powers of 1024: (list "1Gi" path). */}}
{{- define "headpond.bytes" -}}
{{- $text := include "headpond.text" (index . 0) }}
{{- $unit := regexReplaceAll "^[0-9.]+" $text "" | upper | trimSuffix "B" | trimSuffix "I" }}
{{- $units := dict "" 1 "K" 1024 "M" 1048576 "G" 1073741824 "T" 1099511627776 "P" 1125899906842624 }}
{{- if or (not (regexMatch "^[0-9]+([.][0-9]+)?[A-Za-z]*$" $text)) (not (hasKey $units $unit)) }}
{{- fail (printf "%s: %s is not a size; use e.g. 1Gi" (index . 1) $text) }}
{{- end }}
{{- mulf (float64 (regexFind "^[0-9.]+" $text)) (get $units $unit) | int64 }}
{{- end }}

{{/* Bytes of a quantity of Kubernetes: (list "8Gi" path). */}}
{{- define "headpond.quantity" -}}
{{- $text := include "headpond.text" (index . 0) }}
{{- $unit := regexReplaceAll "^[0-9.]+" $text "" }}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "P" 1000000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 }}
{{- if or (not (regexMatch "^[0-9]+([.][0-9]+)?[A-Za-z]*$" $text)) (not (hasKey $units $unit)) }}
{{- fail (printf "%s: %s is not a size; use e.g. 1Gi" (index . 1) $text) }}
{{- end }}
{{- mulf (float64 (regexFind "^[0-9.]+" $text)) (get $units $unit) | int64 }}
{{- end }}
