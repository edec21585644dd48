{{/* An image of values, by its digest where one is given: a tag may be moved. */}}
{{- define "model-service.image" -}}
{{ .repository }}{{ with .digest }}@{{ . }}{{ else }}:{{ .tag }}{{ end }}
{{- end }}

{{/* Of an image: its name, and what tells its content. */}}
{{- define "model-service.built" -}}
{{- dict "image" (include "model-service.image" .) "tag" (.tag | default (.digest | default "" | trimPrefix "sha256:")) | toJson -}}
{{- end }}

{{/* The tracks that run, as JSON: name, suffix of objects, version, bundle, image, tag, replicas, pin (empty: follows the pointer). */}}
{{- define "model-service.tracks" -}}
{{- $model := .Values.model -}}
{{- $stable := dict "name" "stable" "suffix" "" "version" $model.version "bundle" $model.bundle "pin" "" -}}
{{- $tracks := list (merge $stable (include "model-service.built" .Values.image | fromJson) (dict "replicas" .Values.replicas)) -}}
{{- range $name := list "canary" "shadow" -}}
{{- $given := index $.Values $name -}}
{{- if $given.enabled -}}
{{- $content := ternary $given.image $.Values.image (or $given.image.tag $given.image.digest | empty | not) -}}
{{- $image := dict "repository" (default $.Values.image.repository $given.image.repository) "tag" $content.tag "digest" $content.digest -}}
{{- $track := dict "name" $name "suffix" (printf "-%s" $name) "version" $given.version "bundle" $given.bundle "pin" $given.bundle -}}
{{- $tracks = append $tracks (merge $track (include "model-service.built" $image | fromJson) (dict "replicas" $given.replicas)) -}}
{{- end -}}
{{- end -}}
{{ toJson $tracks }}
{{- end }}

{{/* Whether this release states how many replicas a track has: (dict "root" $ "track" TRACK). An autoscaler owns those of stable.
     Where it has not changed them yet, they still are this release's; left out, the server would set them to 1 and end all pods but one. */}}
{{- define "model-service.replicas" -}}
{{- if and .root.Values.autoscaling.enabled (eq .track.name "stable") -}}
{{- $name := include "model-service.name" .root -}}
{{- $live := lookup "apps/v1" "Deployment" .root.Release.Namespace $name -}}
{{- range ($live.metadata).managedFields -}}
{{- if and (eq .manager "helm") (eq .operation "Apply") (hasKey (index .fieldsV1 "f:spec" | default dict) "f:replicas") -}}
{{ $live.spec.replicas }}
{{- end -}}
{{- end -}}
{{- else -}}
{{ .track.replicas }}
{{- end -}}
{{- end }}
