{{- define "platform.name" -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "platform.modelsNamespace" -}}
{{ .Values.models.namespace | default .Release.Namespace }}
{{- end }}

{{/* Labels that select the pods of one part: (list . "prefect"). */}}
{{- define "platform.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* What tells the code: the tag, else the digest, else nothing. (.Values.image) */}}
{{- define "platform.version" -}}
{{ .tag | default (.digest | default "" | trimPrefix "sha256:") | trunc 63 | trimAll "-_." }}
{{- end }}

{{/* Labels of an object of one part: (list . "prefect"). */}}
{{- define "platform.labels" -}}
{{- $root := index . 0 -}}
{{ include "platform.selector" . }}
app.kubernetes.io/part-of: evenkeel
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ include "platform.version" $root.Values.image | quote }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimAll "-_." }}
{{- end }}

{{/* Labels of the pods of one part. */}}
{{- define "platform.podLabels" -}}
{{- $root := index . 0 -}}
{{ include "platform.labels" . }}
{{- with $root.Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "platform.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "platform.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* By its digest where one is given: a tag may be moved. */}}
{{- define "platform.imageName" -}}
{{ .Values.image.repository }}{{ with .Values.image.digest }}@{{ . }}{{ else }}:{{ .Values.image.tag }}{{ end }}
{{- end }}

{{- define "platform.image" -}}
image: {{ include "platform.imageName" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{/* Where pods go, which of them goes first, and what reads their image. */}}
{{- define "platform.placement" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What every pod of the image has: where it may run, and as whom. (list . "serviceaccount") */}}
{{- define "platform.pod" -}}
{{- $root := index . 0 -}}
serviceAccountName: {{ include "platform.name" $root }}{{ with index . 1 }}-{{ . }}{{ end }}
enableServiceLinks: false
securityContext: {{- include "platform.podSecurity" $root | nindent 2 }}
{{- include "platform.placement" $root }}
{{- end }}

{{- define "platform.volumes" -}}
- {name: home, emptyDir: {sizeLimit: 2Gi}}
- {name: tmp, emptyDir: {sizeLimit: 2Gi}}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "platform.mounts" -}}
- {name: home, mountPath: /home/evenkeel}
- {name: tmp, mountPath: /tmp}
{{- include "platform.extraMounts" . }}
{{- end }}

{{- define "platform.extraMounts" -}}
{{- range .Values.extraVolumeMounts }}
- {{ merge (dict "readOnly" true) . | toJson }}
{{- end }}
{{- end }}

{{/* Waits for the database of an environment variable and makes it where the role may: (list . "VARIABLE" secret key). */}}
{{- define "platform.awaitDatabase" -}}
{{- $root := index . 0 -}}
- name: database
  {{- include "platform.image" $root | nindent 2 }}
  command: [python, -m, model_code.database, {{ index . 1 }}]
  securityContext: {{- include "platform.containerSecurity" $root | nindent 4 }}
  env:
    - name: {{ index . 1 }}
      valueFrom: {secretKeyRef: {name: {{ index . 2 }}, key: {{ index . 3 }}}}
  resources:
    requests: {cpu: 50m, memory: 64Mi}
    limits: {memory: 256Mi}
  {{- with include "platform.extraMounts" $root | trim }}
  volumeMounts: {{- . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Annotations of a pod template; another configuration makes other pods. */}}
{{- define "platform.podAnnotations" -}}
checksum/settings: {{ include "platform.settings" . | sha256sum | trunc 16 }}
{{- with .Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "platform.prefectUrl" -}}
http://{{ include "platform.name" . }}-prefect.{{ .Release.Namespace }}:4200/api
{{- end }}

{{/* Where something lies: the URL, else a folder of the volume: (list . url "folder" "store.url"). */}}
{{- define "platform.place" -}}
{{- $root := index . 0 -}}
{{- if index . 1 -}}
{{ index . 1 }}
{{- else if $root.Values.data.claim.enabled -}}
/data/{{ index . 2 }}
{{- else -}}
{{ fail (printf "%s is empty: name a bucket, or turn on data.claim" (index . 3)) }}
{{- end }}
{{- end }}

{{/* What makes Prefect log as everything else does. */}}
{{- define "platform.prefectLogs" -}}
{{- if eq (.Values.settings.LOG_FORMAT | default "text") "json" -}}
PREFECT_LOGGING_FORMATTERS_JSON_CLASS: model_code.logs.JsonFormatter
PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER: json
PREFECT_LOGGING_COLORS: "false"
PREFECT_LOGGING_MARKUP: "false"
{{- end }}
{{- end }}

{{/* The same as a list of environment variables. */}}
{{- define "platform.prefectLogsEnv" -}}
{{- $lines := list -}}
{{- range $name, $value := include "platform.prefectLogs" . | fromYaml -}}
{{- $lines = append $lines (printf "- {name: %s, value: %q}" $name $value) -}}
{{- end -}}
{{- join "\n" $lines -}}
{{- end }}

{{/* The environment of every part and of every flow run; `settings` has the last word. */}}
{{- define "platform.settings" -}}
{{- $name := include "platform.name" . -}}
{{- $found := dict
  "PREFECT_API_URL" (include "platform.prefectUrl" .)
  "EVENKEEL_MLFLOW_URL" (printf "http://%s-mlflow.%s:5000" $name .Release.Namespace)
  "EVENKEEL_STORE_URL" (include "platform.place" (list . .Values.store.url "store" "store.url"))
  "EVENKEEL_BUNDLES_URL" (include "platform.place" (list . .Values.bundles.url "bundles" "bundles.url"))
  "EVENKEEL_TARGET" "helm"
  "EVENKEEL_NAMESPACE" (include "platform.modelsNamespace" .) -}}
{{- if .Values.models.values }}{{ $_ := set $found "EVENKEEL_HELM_VALUES" "/etc/evenkeel/models/values.yaml" }}{{ end -}}
{{- $found = merge $found (include "platform.prefectLogs" . | fromYaml) -}}
{{- range $setting, $value := .Values.settings }}{{ $_ := set $found (printf "EVENKEEL_%s" $setting) $value }}{{ end -}}
{{- toYaml $found }}
{{- end }}

{{/* Whether objects of the Prometheus operator are made. */}}
{{- define "platform.monitored" -}}
{{- $wanted := .Values.monitoring.resources | toString -}}
{{- if or (eq $wanted "true") (and (eq $wanted "auto") (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1")) }}yes{{ end }}
{{- end }}
