{{- define "headpond-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* The names of what there is once for each release. */}}
{{- define "headpond-operator.fullname" -}}
{{- $name := include "headpond-operator.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride }}
{{- else if hasPrefix (printf "%s-" .Release.Name) $name }}
{{- $name }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The same for what belongs to no namespace. */}}
{{- define "headpond-operator.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "headpond-operator.fullname" .) }}
{{- end }}

{{- define "headpond-operator.account" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "headpond-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name: which one, when none is created?" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "headpond-operator.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "headpond-operator.selector" -}}
app.kubernetes.io/name: {{ include "headpond-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "headpond-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{ include "headpond-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: headpond
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* The rules of a Role in manifests/rbac/operator.yaml: (list . "headpond-operator"). */}}
{{- define "headpond-operator.rules" -}}
{{- $name := index . 1 }}
{{- $found := list }}
{{- range splitList "\n---\n" ((index . 0).Files.Get "files/rbac/operator.yaml") }}
{{- $object := fromYaml . }}
{{- if and (eq $object.kind "Role") (eq $object.metadata.name $name) }}
{{- $found = $object.rules }}
{{- end }}
{{- end }}
{{- required (printf "files/rbac/operator.yaml has no Role %s" $name) $found | toYaml }}
{{- end }}
