{{/*
What the values say about properties, as YAML:
  root       the under-store's URI (ufs), and whether it is readonly and shared
  common, master, worker
             properties of the file of properties
  arguments  of the command line, which all roles get
  notes      what has no effect, by its path
*/}}
{{- define "headpond.settings" -}}
{{- $keys := .Files.Get "files/keys.yaml" | fromYaml }}
{{- $state := dict "keys" $keys "root" (dict "ufs" "" "readonly" "false" "shared" "true") "arguments" (dict) "notes" (dict) "common" (dict) "master" (dict) "worker" (dict) }}
{{- range $role := list "common" "master" "worker" }}
{{- $holder := eq $role "common" | ternary $.Values (default dict (get $.Values $role)) }}
{{- $prefix := eq $role "common" | ternary "" (printf "%s." $role) }}
{{- range $key, $value := default dict $holder.properties }}
{{- if not (kindIs "invalid" $value) }}
{{- include "headpond.property" (dict "state" $state "role" $role "path" (printf "%sproperties[%s]" $prefix $key) "key" $key "value" (include "headpond.text" $value)) }}
{{- end }}
{{- end }}
{{- range $i, $text := default list $holder.jvmOptions }}
{{- $path := printf "%sjvmOptions[%d]" $prefix $i }}
{{- range $word := regexSplit "\\s+" (trim $text) -1 }}
{{- if regexMatch "^-Dalluxio[.][^=]+=" $word }}
{{- include "headpond.property" (dict "state" $state "role" $role "path" $path "key" (trimPrefix "-D" (regexFind "^[^=]+" $word)) "value" (regexReplaceAll "^[^=]+=" $word "")) }}
{{- else if $word }}
{{- $more := hasPrefix "-Xm" $word | ternary ": resources.limits.memory says what they may use" "" }}
{{- $said := ternary (printf "%s; " (get $state.notes $path)) "" (hasKey $state.notes $path) }}
{{- $_ := set $state.notes $path (printf "%s%s is for a Java machine, and daemons have none%s" $said $word $more) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if eq (toString (default dict .Values.shortCircuit).enabled) "false" }}
{{- $_ := set $state.common "alluxio.user.short.circuit.enabled" "false" }}
{{- end }}
{{- omit $state "keys" | toYaml }}
{{- end }}

{{/* Puts one property where it belongs. */}}
{{- define "headpond.property" -}}
{{- $owner := "" }}
{{- range $pattern, $from := .state.keys.owned }}
{{- if or (eq $pattern $.key) (and (hasSuffix "*" $pattern) (hasPrefix (trimSuffix "*" $pattern) $.key)) }}
{{- $owner = $from }}
{{- end }}
{{- end }}
{{- if $owner }}
{{- $_ := set .state.notes .path (printf "follows from %s" $owner) }}
{{- else if and (hasPrefix "alluxio.master.mount.table.root." .key) (hasKey .state.root (trimPrefix "alluxio.master.mount.table.root." .key)) (ne .role "worker") }}
{{- $_ := set .state.root (trimPrefix "alluxio.master.mount.table.root." .key) .value }}
{{- else if has .key .state.keys.arguments }}
{{- $_ := set .state.arguments .key .value }}
{{- else if regexMatch "[^\\x20-\\x7e]" (printf "%s%s" .key .value) }}
{{- fail (printf "%s: only printable ASCII can be a property here" .path) }}
{{- else }}
{{- $_ := set (get .state .role) .key .value }}
{{- end }}
{{- end }}

{{/* The file of properties of a role: (list settings "master"). */}}
{{- define "headpond.siteFile" -}}
{{- $settings := index . 0 }}
{{- $properties := merge (dict) (get $settings (index . 1)) $settings.common }}
{{- range $key, $value := $properties }}
{{ $key | replace "\\" "\\\\" | replace "=" "\\=" | replace ":" "\\:" | replace " " "\\ " }}={{ $value | replace "\\" "\\\\" | replace " " "\\ " }}
{{- end }}
{{- end }}

{{/*
The under-store, as YAML: uri, and where it is a folder of a claim that only it is mounted from, claim and path; made when the
chart has to claim it.
*/}}
{{- define "headpond.underStore" -}}
{{- $wanted := default dict .Values.underStore }}
{{- $uri := default $wanted.uri (include "headpond.settings" . | fromYaml).root.ufs }}
{{- $folder := trimPrefix "file://" (default "" $uri) }}
{{- $mounted := false }}
{{- range default list .Values.mounts }}
{{- if or (eq .path $folder) (hasPrefix (printf "%s/" (trimSuffix "/" .path)) $folder) }}
{{- $mounted = true }}
{{- end }}
{{- end }}
{{- range concat (default list .Values.master.extraVolumeMounts) (default list .Values.worker.extraVolumeMounts) }}
{{- if or (eq .mountPath $folder) (hasPrefix (printf "%s/" (trimSuffix "/" .mountPath)) $folder) }}
{{- $mounted = true }}
{{- end }}
{{- end }}
{{- if and $uri (not (hasPrefix "/" $folder)) }}
{{- if $wanted.claim }}
{{- fail (printf "underStore.claim: %s is no folder of a claim: leave one of them out" $uri) }}
{{- end }}
uri: {{ quote $uri }}
{{- else if $mounted }}
uri: {{ quote $folder }}
{{- else if $wanted.claim }}
{{- $path := default "/headpond/under-store" $folder }}
uri: {{ quote $path }}
claim: {{ quote $wanted.claim }}
path: {{ quote $path }}
{{- else if $folder }}
{{- fail (printf "underStore.claim: no claim is mounted at %s: name the one that has it here or in mounts" $folder) }}
{{- else }}
uri: /headpond/under-store
claim: {{ include "headpond.fullname" . }}-under-store
path: /headpond/under-store
made: true
{{- end }}
{{- end }}

{{/*
The parts of all levels, as YAML: {levels: [{index, alias, high, low, parts: [{volume, medium, path, bytes, source}]}], memory}.
A source is an emptyDir, a hostPath, a claim of all workers, or null: then each worker claims one.
*/}}
{{- define "headpond.tiers" -}}
{{- $levels := list }}
{{- $memory := 0 }}
{{- range $number, $level := default list (default dict .Values.tieredstore).levels }}
{{- $where := printf "tieredstore.levels[%d]" $number }}
{{- $media := splitList "," (required (printf "%s.mediumtype: which one?" $where) (default .alias .mediumtype)) }}
{{- $quotas := splitList "," (include "headpond.text" (required (printf "%s.quota: how much?" $where) .quota)) }}
{{- $paths := empty .path | ternary list (splitList "," (default "" .path)) }}
{{- $names := empty .name | ternary list (splitList "," (default "" .name)) }}
{{- $parts := list }}
{{- range $i, $medium := $media }}
{{- if not (has $medium (list "MEM" "SSD" "HDD")) }}
{{- fail (printf "%s.mediumtype: %s is not supported; use MEM, SSD or HDD" $where $medium) }}
{{- end }}
{{- if not (has (len $quotas) (list 1 (len $media))) }}
{{- fail (printf "%s.quota: %d for %d media" $where (len $quotas) (len $media)) }}
{{- end }}
{{- if and $paths (ne (len $paths) (len $media)) }}
{{- fail (printf "%s.path: %d for %d media" $where (len $paths) (len $media)) }}
{{- end }}
{{- $bytes := include "headpond.bytes" (list (index $quotas (min $i (sub (len $quotas) 1))) (printf "%s.quota" $where)) | int64 }}
{{- $room := add $bytes (div $bytes 20) }}
{{- $path := "" }}
{{- if $paths }}{{ $path = index $paths $i }}{{ else }}{{ $path = eq $medium "MEM" | ternary "/dev/shm" (printf "/headpond/tier%d-%d" $number $i) }}{{ end }}
{{- $volume := printf "tier%d-dir%d" $number $i }}
{{- $part := dict "volume" $volume "medium" $medium "path" $path "bytes" $bytes "room" $room }}
{{- $type := default "emptyDir" $level.type }}
{{- if eq $medium "MEM" }}{{ $memory = add $memory $bytes }}{{ end }}
{{- if eq $type "hostPath" }}
{{- $_ := set $part "source" (dict "hostPath" (dict "path" $path "type" "DirectoryOrCreate")) }}
{{- else if and (eq $type "emptyDir") (eq $medium "MEM") }}
{{- $_ := set $part "source" (dict "emptyDir" (dict "medium" "Memory" "sizeLimit" (toString $room))) }}
{{- else if eq $type "emptyDir" }}
{{- $_ := set $part "source" (dict "emptyDir" (dict "sizeLimit" (toString $room))) }}
{{- else if $names }}
{{- $_ := set $part "source" (dict "persistentVolumeClaim" (dict "claimName" (index $names (min $i (sub (len $names) 1))))) }}
{{- $_ := set $part "shared" true }}
{{- end }}
{{- $parts = append $parts $part }}
{{- end }}
{{- $index := kindIs "invalid" .level | ternary $number (int .level) }}
{{- $levels = append $levels (dict "index" $index "alias" (default (first $media) .alias | splitList "," | first) "high" .high "low" .low "parts" $parts) }}
{{- end }}
{{- dict "levels" $levels "memory" $memory | toYaml }}
{{- end }}

{{/*
A role's resources, with room for so many bytes of memory levels: (list . "worker" memory). As YAML: {resources, notes}.
*/}}
{{- define "headpond.resources" -}}
{{- $role := index . 1 }}
{{- $memory := int64 (index . 2) }}
{{- $given := default dict (get (index . 0).Values $role).resources }}
{{- $limits := deepCopy (default dict $given.limits) }}
{{- $requests := deepCopy (default dict $given.requests) }}
{{- $notes := dict }}
{{- if $memory }}
{{- /* What a worker needs beside its levels, and what /dev/shm has beside them. */}}
{{- $least := add $memory 335544320 }}
{{- range $name, $part := dict "limits" $limits "requests" $requests }}
{{- if $part.memory }}
{{- $path := printf "%s.resources.%s.memory" $role $name }}
{{- if lt (include "headpond.quantity" (list $part.memory $path) | int64) $least }}
{{- $_ := set $notes $path (printf "%s is raised to %d: memory levels count as the pod's" (include "headpond.text" $part.memory) $least) }}
{{- $_ := set $part "memory" (toString $least) }}
{{- end }}
{{- end }}
{{- end }}
{{- if not (or $limits.memory $requests.memory) }}
{{- $_ := set $requests "memory" (toString (add $memory 268435456)) }}
{{- end }}
{{- end }}
{{- $resources := dict }}
{{- with $limits }}{{ $_ := set $resources "limits" . }}{{ end }}
{{- with $requests }}{{ $_ := set $resources "requests" . }}{{ end }}
{{- dict "resources" $resources "notes" $notes | toYaml }}
{{- end }}

{{/*
Fails when there are journals of another number of masters: new ones would be a majority without the old ones' journal, and
serve an empty namespace. The operator lets masters join one by one.
*/}}
{{- define "headpond.keepsItsMasters" -}}
{{- $fullname := include "headpond.fullname" . }}
{{- $count := int .Values.master.count }}
{{- $before := 0 }}
{{- range until 7 }}
{{- if lookup "v1" "PersistentVolumeClaim" $.Release.Namespace (printf "alluxio-journal-%s-master-%d" $fullname .) }}
{{- $before = add1 $before }}
{{- end }}
{{- end }}
{{- $running := lookup "apps/v1" "StatefulSet" .Release.Namespace (printf "%s-master" $fullname) }}
{{- if $running }}
{{- $before = int $running.spec.replicas }}
{{- end }}
{{- if and $before (ne (int $before) $count) }}
{{- fail (printf "master.count: there are journals of %d master(s), which %d can't go on with; keep the number, or use the operator, which lets masters join" (int $before) $count) }}
{{- end }}
{{- end }}
