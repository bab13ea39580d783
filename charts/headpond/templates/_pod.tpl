{{/*
What pods of both roles have in common. The dict has root, role, args, ports, probe, alive ("" or a port that has to be open),
memory, volumes and mounts (lists), and whether a name has to be known first (host).
*/}}
{{- define "headpond.pod" -}}
{{- $root := .root }}
{{- $values := $root.Values }}
{{- $own := get $values .role }}
{{- $settings := include "headpond.settings" $root | fromYaml }}
{{- $resources := (include "headpond.resources" (list $root .role .memory) | fromYaml).resources }}
{{- $confined := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")) -}}
metadata:
  labels:
    {{- include "headpond.podLabels" (list $root .role) | nindent 4 }}
    name: {{ include "headpond.fullname" $root }}-{{ .role }}
  annotations:
    checksum/config: {{ include "headpond.siteFile" (list $settings .role) | sha256sum }}
    {{- with $own.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- $metrics := default dict $values.metrics }}
    {{- if and $metrics.enabled $metrics.podAnnotations }}
    {{- toYaml $metrics.podAnnotations | nindent 4 }}
    {{- end }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: 10
  {{- with default $values.serviceAccount $own.serviceAccount }}
  serviceAccountName: {{ . }}
  {{- end }}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- if $own.hostNetwork }}
  hostNetwork: true
  {{- end }}
  {{- with default ($own.hostNetwork | default false | ternary "ClusterFirstWithHostNet" "") $own.dnsPolicy }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- if $own.shareProcessNamespace }}
  shareProcessNamespace: true
  {{- end }}
  {{- with $values.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: {{ int (default 1000 $values.user) }}
    runAsGroup: {{ int (default 1000 $values.group) }}
    fsGroup: {{ int (default 1000 $values.fsGroup) }}
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  {{- with default $values.nodeSelector $own.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with concat (default list $own.tolerations) (default list $values.tolerations) }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  affinity:
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
        - weight: 100
          podAffinityTerm:
            topologyKey: kubernetes.io/hostname
            labelSelector:
              matchLabels:
                {{- include "headpond.selector" (list $root .role) | nindent 16 }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: topology.kubernetes.io/zone
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "headpond.selector" (list $root .role) | nindent 10 }}
  {{- if .host }}
  # A daemon refuses a name of its own that nobody can resolve, and DNS knows a new pod a moment after the pod knows itself. The
  # first question is late, because name servers remember for some time that there was no answer.
  initContainers:
    - name: wait-for-name
      image: {{ include "headpond.image" $root | quote }}
      imagePullPolicy: {{ default "IfNotPresent" $values.imagePullPolicy }}
      command: [sh, -c, 'until sleep 1 && getent hosts "$0" >/dev/null; do :; done', {{ quote .host }}]
      env:
        {{- include "headpond.ownName" . | nindent 8 }}
      resources:
        {{- toYaml $resources | nindent 8 }}
      terminationMessagePolicy: FallbackToLogsOnError
      securityContext:
        {{- toYaml $confined | nindent 8 }}
  {{- end }}
  containers:
    - name: alluxio-{{ .role }}
      image: {{ include "headpond.image" $root | quote }}
      imagePullPolicy: {{ default "IfNotPresent" $values.imagePullPolicy }}
      args:
        - {{ .role }}
        - --no-format
        {{- range $key, $value := $settings.arguments }}
        - {{ printf "-D%s=%s" $key ($value | replace "$(" "$$(") | quote }}
        {{- end }}
        {{- range .args }}
        - {{ quote . }}
        {{- end }}
        - -Dalluxio.conf.dir=/headpond/conf
        - -Dalluxio.site.conf.dir=/headpond/conf
      env:
        {{- include "headpond.ownName" . | nindent 8 }}
        {{- range $name, $value := default dict $own.env }}
        - name: {{ $name }}
          value: {{ include "headpond.text" $value | quote }}
        {{- end }}
        - name: HEADPOND_CLUSTER
          value: {{ printf "%s/%s" $root.Release.Namespace (include "headpond.fullname" $root) }}
      ports:
        {{- range $name, $port := .ports }}
        - name: {{ $name }}
          containerPort: {{ int $port }}
          protocol: TCP
        {{- end }}
      {{- $http := dict "httpGet" (dict "path" .probe "port" "web") }}
      startupProbe:
        {{- merge (dict) (default dict $own.startupProbe) $http (dict "periodSeconds" 1 "timeoutSeconds" 5 "failureThreshold" 3600) | toYaml | nindent 8 }}
      readinessProbe:
        {{- merge (dict) (default dict $own.readinessProbe) $http (dict "periodSeconds" 5 "timeoutSeconds" 5 "failureThreshold" 2) | toYaml | nindent 8 }}
      # A master that knows no leader must wait for one, not be killed: it lives as long as it listens.
      {{- $alive := .alive | ternary (dict "tcpSocket" (dict "port" "web")) $http }}
      livenessProbe:
        {{- merge (dict) (default dict $own.livenessProbe) $alive (dict "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" 6) | toYaml | nindent 8 }}
      resources:
        {{- toYaml $resources | nindent 8 }}
      terminationMessagePolicy: FallbackToLogsOnError
      securityContext:
        {{- toYaml $confined | nindent 8 }}
      volumeMounts:
        - name: config
          mountPath: /headpond/conf
          readOnly: true
        {{- with concat .mounts (include "headpond.commonMounts" . | fromYamlArray) }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- range default list $own.extraContainers }}
    - {{- include "headpond.extraContainer" (list . $confined) | nindent 6 }}
    {{- end }}
  volumes:
    - name: config
      secret:
        secretName: {{ include "headpond.fullname" $root }}-config
        defaultMode: 0440
        items:
          - key: {{ .role }}.properties
            path: alluxio-site.properties
    {{- with concat .volumes (include "headpond.commonVolumes" . | fromYamlArray) }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- define "headpond.ownName" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: HOST_IP
  valueFrom:
    fieldRef:
      fieldPath: status.hostIP
{{- end }}

{{/* Volumes of both roles: the under-store, claims, Secrets, ConfigMaps and whatever else the values name. */}}
{{- define "headpond.commonVolumes" -}}
{{- $values := .root.Values }}
{{- $store := include "headpond.underStore" .root | fromYaml }}
{{- $volumes := list }}
{{- with $store.claim }}
{{- $volumes = append $volumes (dict "name" "under-store" "persistentVolumeClaim" (dict "claimName" .)) }}
{{- end }}
{{- range default list $values.mounts }}
{{- $volumes = append $volumes (dict "name" .name "persistentVolumeClaim" (dict "claimName" .name)) }}
{{- end }}
{{- range $name, $path := default dict (get (default dict $values.secrets) .role) }}
{{- $volumes = append $volumes (dict "name" (printf "secret-%s-volume" $name) "secret" (dict "secretName" $name "defaultMode" 0440)) }}
{{- end }}
{{- range $name, $path := default dict (get (default dict $values.configmaps) .role) }}
{{- $volumes = append $volumes (dict "name" (printf "configmap-%s-volume" $name) "configMap" (dict "name" $name "defaultMode" 0440)) }}
{{- end }}
{{- range default list (get $values .role).extraVolumes }}
{{- $source := omit . "name" }}
{{- if kindIs "string" .emptyDir }}{{ $source = dict "emptyDir" (dict) }}{{ end }}
{{- if not $source }}{{ $source = dict "emptyDir" (dict) }}{{ end }}
{{- $volumes = append $volumes (merge (dict "name" .name) $source) }}
{{- end }}
{{- toYaml $volumes }}
{{- end }}

{{- define "headpond.commonMounts" -}}
{{- $values := .root.Values }}
{{- $store := include "headpond.underStore" .root | fromYaml }}
{{- $mounts := list }}
{{- if $store.claim }}
{{- $mounts = append $mounts (dict "name" "under-store" "mountPath" $store.path) }}
{{- end }}
{{- range default list $values.mounts }}
{{- $mounts = append $mounts (dict "name" .name "mountPath" .path) }}
{{- end }}
{{- range $name, $path := default dict (get (default dict $values.secrets) .role) }}
{{- $mounts = append $mounts (dict "name" (printf "secret-%s-volume" $name) "mountPath" (printf "/secrets/%s" $path) "readOnly" true) }}
{{- end }}
{{- range $name, $path := default dict (get (default dict $values.configmaps) .role) }}
{{- $mounts = append $mounts (dict "name" (printf "configmap-%s-volume" $name) "mountPath" (printf "/configmaps/%s" $path) "readOnly" true) }}
{{- end }}
{{- toYaml (concat $mounts (default list (get $values .role).extraVolumeMounts)) }}
{{- end }}

{{/* A container of the values, whose environment stock has as a map: (list container confinement). */}}
{{- define "headpond.extraContainer" -}}
{{- $container := index . 0 }}
{{- $env := list }}
{{- if kindIs "map" $container.env }}
{{- range $name, $value := $container.env }}
{{- $env = append $env (dict "name" $name "value" (include "headpond.text" $value)) }}
{{- end }}
{{- else }}
{{- $env = default list $container.env }}
{{- end }}
{{- range $name, $path := default dict $container.envValueFrom }}
{{- $env = append $env (dict "name" $name "valueFrom" (dict "fieldRef" (dict "fieldPath" $path))) }}
{{- end }}
{{- $made := omit $container "env" "envValueFrom" }}
{{- if $env }}{{ $_ := set $made "env" $env }}{{ end }}
{{- $_ := set $made "securityContext" (merge (dict) (default dict $container.securityContext) (index . 1)) }}
{{- toYaml $made }}
{{- end }}
