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

{{- define "sellerstream.configMap" -}}
{{- if and .Values.existingConfigMap .Values.config }}{{ fail "config and existingConfigMap are both set: write one" }}{{ end -}}
{{- if not (or .Values.existingConfigMap .Values.config) }}{{ fail "config is empty: write the configuration there (`sellerstream config example` prints one), or name an existingConfigMap" }}{{ end -}}
{{- default (include "sellerstream.name" .) .Values.existingConfigMap }}
{{- end }}

{{- define "sellerstream.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "sellerstream.name" .) .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "sellerstream.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ default (printf "v%s" .Chart.AppVersion) .Values.image.tag }}{{ end }}
{{- end }}

{{/* The Deployments, as JSON: name, component, roles (none means all), replicas, resources, keda. */}}
{{- define "sellerstream.deployments" -}}
{{- $root := . -}}
{{- $all := list -}}
{{- range $name, $d := .Values.perRole -}}
{{- $all = append $all (dict "name" (printf "%s-%s" (include "sellerstream.name" $root) $name) "component" $name "roles" $d.roles
  "replicas" (ternary $d.replicas $root.Values.replicas (hasKey $d "replicas")) "resources" (default $root.Values.resources $d.resources)
  "keda" (mergeOverwrite (deepCopy $root.Values.keda) (default dict $d.keda))) -}}
{{- else -}}
{{- $all = append $all (dict "name" (include "sellerstream.name" .) "component" "all" "roles" list
  "replicas" .Values.replicas "resources" .Values.resources "keda" .Values.keda) -}}
{{- end -}}
{{- toJson $all -}}
{{- end }}
