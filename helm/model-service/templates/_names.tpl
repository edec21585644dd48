{{/* Names and labels. Those of a track take (dict "root" $ "track" TRACK), TRACK being an item of model-service.tracks. */}}
{{- define "model-service.name" -}}
{{ .Release.Name | trunc 53 | trimSuffix "-" }}
{{- end }}

{{/* A host by which it is known, of (list $ HOST): one value then names the hosts of every use case. */}}
{{- define "model-service.host" -}}
{{ index . 1 | replace "{usecase}" (index . 0).Values.usecase | replace "_" "-" }}
{{- end }}

{{/* What all objects of a release have in common. */}}
{{- define "model-service.common" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: evenkeel
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimAll "-_." }}
evenkeel.io/usecase: {{ .Values.usecase }}
{{- end }}

{{/* Labels of an object of no track. */}}
{{- define "model-service.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/component: service
{{ include "model-service.common" . }}
{{- end }}

{{/* Pods of one track. Names differ, since an autoscaler counts every pod that its Deployment selects, and selectors cannot change
     from one chart version to the next: stable's is that of 0.1.0, which knew no tracks. */}}
{{- define "model-service.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}{{ .track.suffix }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: service
{{- end }}

{{- define "model-service.trackLabels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}{{ .track.suffix }}
app.kubernetes.io/component: service
app.kubernetes.io/version: {{ .track.tag | trunc 63 | trimAll "-_." | quote }}
evenkeel.io/track: {{ .track.name }}
{{ include "model-service.common" .root }}
{{- end }}

{{- define "model-service.annotations" -}}
evenkeel.io/model-version: {{ .version | quote }}
evenkeel.io/bundle: {{ .bundle | quote }}
{{- end }}

{{/* Whether the operator's objects are wanted: (list $ "auto|always|never"). */}}
{{- define "model-service.operated" -}}
{{- $root := index . 0 }}{{ $when := index . 1 -}}
{{- if or (eq $when "always") (and (eq $when "auto") ($root.Capabilities.APIVersions.Has "monitoring.coreos.com/v1")) -}}yes{{- end -}}
{{- end }}
