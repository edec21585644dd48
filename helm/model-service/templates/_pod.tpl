{{- define "model-service.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "model-service.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Where pods of a track go: (dict "root" $ "track" TRACK). */}}
{{- define "model-service.placement" -}}
{{- $values := .root.Values }}{{ $gpu := eq $values.profile "gpu" -}}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with merge (ternary (dict $values.gpu.nodeLabel "true") (dict) $gpu) $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if or $gpu $values.tolerations }}
tolerations:
  {{- if $gpu }}
  - {key: {{ $values.gpu.resource }}, operator: Exists, effect: NoSchedule}
  {{- end }}
  {{- with $values.tolerations }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.topologySpread }}
topologySpreadConstraints:
  {{- range . }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "model-service.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- end }}

{{/* Environment of the service: (dict "root" $ "track" TRACK). */}}
{{- define "model-service.environment" -}}
{{- $values := .root.Values -}}
- {name: EVENKEEL_USECASE, value: {{ $values.usecase | quote }}}
- {name: EVENKEEL_HOST, value: "0.0.0.0"}
- {name: EVENKEEL_SERVICE_PORT, value: "3000"}
- {name: EVENKEEL_DRAIN_SECONDS, value: {{ $values.drainSeconds | quote }}}
- {name: EVENKEEL_KEYS_FILE, value: /secrets/keys/{{ $values.keys.key }}}
- name: EVENKEEL_SQL_URL
  valueFrom: {secretKeyRef: {name: {{ $values.sql.secret }}, key: {{ $values.sql.key }}}}
- {name: EVENKEEL_KEEP, value: {{ $values.keep.mode }}}
{{- if eq $values.keep.mode "spool" }}
- {name: EVENKEEL_SPOOL_FOLDER, value: /spool}
- {name: EVENKEEL_SPOOL_BYTES, value: {{ mul $values.keep.megabytes 1048576 | quote }}}
{{- end }}
{{- with $values.bundles.url }}
- {name: EVENKEEL_BUNDLES_URL, value: {{ . | quote }}}
{{- end }}
{{- with $values.store.url }}
- {name: EVENKEEL_STORE_URL, value: {{ . | quote }}}
{{- end }}
{{- with .track.pin }}
- {name: EVENKEEL_PIN, value: {{ . | quote }}}
- {name: EVENKEEL_PIN_VERSION, value: {{ $.track.version | quote }}}
{{- end }}
{{- range $name, $value := $values.settings }}
- {name: EVENKEEL_{{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{- define "model-service.resources" -}}
{{- $resources := deepCopy .Values.resources -}}
{{- if eq .Values.profile "gpu" -}}
{{- $_ := set $resources "limits" (merge (dict .Values.gpu.resource .Values.gpu.count) ($resources.limits | default dict)) -}}
{{- end -}}
{{ toYaml $resources }}
{{- end }}

{{- define "model-service.volumes" -}}
- {name: home, emptyDir: {sizeLimit: 4Gi}}
- {name: tmp, emptyDir: {sizeLimit: 1Gi}}
- name: keys
  secret: {secretName: {{ .Values.keys.secret }}, defaultMode: 0440}
{{- if eq .Values.keep.mode "spool" }}
- name: spool
  {{- if .Values.keep.claim.enabled }}
  persistentVolumeClaim: {claimName: {{ include "model-service.name" . }}-spool}
  {{- else }}
  emptyDir: {sizeLimit: {{ add .Values.keep.megabytes 64 }}Mi}
  {{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
