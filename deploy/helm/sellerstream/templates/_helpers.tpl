{{- define "sellerstream.name" -}}
{{- if contains "sellerstream" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-sellerstream" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "sellerstream.selector" -}}
app.kubernetes.io/name: sellerstream
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sellerstream.labels" -}}
{{ include "sellerstream.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* Nine tenths of a container's memory, in bytes: the rest is what Go does not count. */}}
{{- define "sellerstream.goMemory" -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $unit := regexFind "[A-Za-z]*$" (toString .) -}}
{{- if not (hasKey $units $unit) }}{{ fail (printf "resources.limits.memory: %v: write a number of bytes, or one with Ki, Mi or Gi" .) }}{{ end -}}
{{- mulf (toString . | trimSuffix $unit | float64) (get $units $unit) 0.9 | floor | int64 -}}
{{- end }}

{{- define "sellerstream.configMap" -}}
{{- if and .Values.existingConfigMap .Values.config }}{{ fail "config and existingConfigMap are both set: write one" }}{{ end -}}
{{- if not (or .Values.existingConfigMap .Values.config) }}{{ fail "config is empty: write the configuration there (`sellerstream config example` prints one), or name an existingConfigMap" }}{{ end -}}
{{- default (include "sellerstream.name" .) .Values.existingConfigMap }}
{{- end }}

{{/* The paths in the configuration where a secret stands itself instead of a pointer to one, one a
line: a {value: …}, text at a secret's place, a URL with a password, a variable's value in place of
its name. TestChartKnowsEachSecret holds the list of secrets' names to the configuration's. */}}
{{- define "sellerstream.literals" -}}
{{- $secrets := list "password" "token" "secret_access_key" "client_secret" "next_client_secret" "refresh_token" "keys" -}}
{{- $at := .at -}}
{{- if kindIs "map" .in -}}
{{- range $key, $value := .in -}}
{{- $path := printf "%s.%s" $at $key -}}
{{- if and $value (or (eq $key "value") (and (has $key $secrets) (not (kindIs "map" $value)))) }}{{ $path }}{{ "\n" -}}
{{- else if and $value (eq $key "env") (not (regexMatch "^[A-Za-z_][A-Za-z0-9_]*$" (toString $value))) }}{{ $path }}{{ "\n" -}}
{{- else -}}{{ include "sellerstream.literals" (dict "at" $path "in" $value) }}{{- end -}}
{{- end -}}
{{- else if kindIs "slice" .in -}}
{{- range $i, $value := .in -}}{{ include "sellerstream.literals" (dict "at" (printf "%s[%d]" $at $i) "in" $value) }}{{- end -}}
{{- else if regexMatch "^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*:[^/?#]*@" (toString .in) }}{{ $at }}{{ "\n" -}}
{{- end -}}
{{- end }}

{{/* The configuration, if no secret stands in it. */}}
{{- define "sellerstream.config" -}}
{{- with include "sellerstream.literals" (dict "at" "config" "in" .Values.config) | trim }}
{{- fail (printf "a secret stands in the configuration itself, where every reader of the ConfigMap would see it: %s. Put it into a Secret, and point to that: with `kubectl create secret generic NAME --from-file=KEY` and secretFiles: [{secret: NAME, path: /run/secrets/NAME}], write {file: /run/secrets/NAME/KEY}; with secretEnv: [NAME], write {env: KEY}; for one in AWS Secrets Manager, write {aws: NAME}" (splitList "\n" . | join ", ")) }}
{{- end -}}
{{- $config := mergeOverwrite (deepCopy .Values.config) (dict "admin" (merge (dict "listen" "0.0.0.0:9400") (default dict .Values.config.admin))) -}}
{{- if include "sellerstream.manyAccounts" . }}{{ $config = omit $config "accounts" }}{{ end -}}
{{- if include "sellerstream.accountsConfigMaps" . | fromJsonArray -}}
{{- if $config.accounts_dir }}{{ fail "config.accounts_dir is set, and the chart needs it for the accounts in ConfigMaps: take it out, or put the accounts there" }}{{ end -}}
{{- $config = set $config "accounts_dir" (include "sellerstream.accountsDir" .) -}}
{{- end -}}
{{- toYaml $config }}
{{- end }}

{{- define "sellerstream.accountsDir" }}/etc/sellerstream-accounts{{ end }}

{{/* Not empty if there are more accounts than one ConfigMap should hold: 500 of 2 KiB are 1 MiB. */}}
{{- define "sellerstream.manyAccounts" -}}
{{- if gt (len (default list .Values.config.accounts)) 500 }}yes{{ end -}}
{{- end }}

{{/* The names of the ConfigMaps of accounts, as JSON. */}}
{{- define "sellerstream.accountsConfigMaps" -}}
{{- $names := .Values.accountsConfigMaps -}}
{{- if include "sellerstream.manyAccounts" . -}}
{{- range $i, $part := chunk 500 .Values.config.accounts }}{{ $names = append $names (printf "%s-accounts-%d" (include "sellerstream.name" $) $i) }}{{ end -}}
{{- end -}}
{{- toJson $names -}}
{{- end }}

{{/* resources, with the memory that `load` wants, in MiB, and no less than the defaults. The bytes are those of deploy/README.md. */}}
{{- define "sellerstream.resources" -}}
{{- $resources := deepCopy .resources -}}
{{- with .load -}}
{{- $bytes := addf (mulf (default 0 .accounts) 11300) (mulf (default 0 .skus) 170) (mulf (default 0 .waitingSkus) 470) (mulf (default 0 .orders) 300) -}}
{{- $quiet := divf $bytes 1048576 | addf 65 | ceil | int64 -}}
{{- $resources = mergeOverwrite $resources (dict "requests" (dict "memory" (printf "%dMi" (max 256 $quiet))) "limits" (dict "memory" (printf "%dMi" (max 1024 (add (mul 2 $quiet) 256))))) -}}
{{- end -}}
{{- toJson $resources -}}
{{- end }}

{{- define "sellerstream.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "sellerstream.name" .) .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "sellerstream.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ default (printf "v%s" .Chart.AppVersion) .Values.image.tag }}{{ end }}
{{- end }}

{{/* The Deployments, as JSON: name, component, roles (none means all), replicas, resources, keda,
serviceAccount, and annotations of one of its own. */}}
{{- define "sellerstream.deployments" -}}
{{- $root := . -}}
{{- $all := list -}}
{{- range $name, $d := .Values.perRole -}}
{{- $all = append $all (dict "name" (printf "%s-%s" (include "sellerstream.name" $root) $name) "component" $name "roles" $d.roles
  "replicas" (ternary $d.replicas $root.Values.replicas (hasKey $d "replicas")) "resources" (default (include "sellerstream.resources" $root.Values | fromJson) $d.resources)
  "keda" (mergeOverwrite (deepCopy $root.Values.keda) (default dict $d.keda))
  "serviceAccount" (ternary (printf "%s-%s" (include "sellerstream.name" $root) $name) (include "sellerstream.serviceAccount" $root) (hasKey $d "serviceAccount"))
  "own" (hasKey $d "serviceAccount") "annotations" (dig "serviceAccount" "annotations" dict $d)) -}}
{{- else -}}
{{- $all = append $all (dict "name" (include "sellerstream.name" .) "component" "all" "roles" list
  "replicas" .Values.replicas "resources" (include "sellerstream.resources" .Values | fromJson) "keda" .Values.keda
  "serviceAccount" (include "sellerstream.serviceAccount" .) "own" false) -}}
{{- end -}}
{{- toJson $all -}}
{{- end }}
