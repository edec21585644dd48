"""Settings of what is reached outside: data sources, and the bucket and secrets of the `gcp` environment."""

from pydantic import Field

from model_code.settings_group import SettingsGroup


class RemoteSettings(SettingsGroup):
    """Read by refreshes, and by `python -m flows.cloud register`."""

    http_timeout: float = Field(
        20.0,
        gt=0,
        le=300,
        description="Seconds that one request to a data source may take. Default: EIA's slow pages take about ten.",
    )
    eia_api_key: str = Field(
        "", repr=False, description="Key of the EIA API, from the environment only. Default: none; sources that need it say so."
    )
    eia_url: str = Field("https://api.eia.gov", description="Base address of the EIA API; tests point it at a local fake.")
    gcp_bucket: str = Field(
        "", description="Google Cloud Storage bucket of the `gcp` environment: code and results. Default: none, only local."
    )
    gcp_folder: str = Field(
        "evenkeel", pattern=r"^[\w.-]+(/[\w.-]+)*$", description="Folder in that bucket, so that installations can share one."
    )
    gcp_eia_secret: str = Field(
        "",
        description="Name of the secret in Google's Secret Manager that holds the EIA key. Default: none; EVENKEEL_EIA_API_KEY goes into a secret block.",
    )
    open_meteo_forecast_url: str = Field("https://api.open-meteo.com", description="Base address of Open-Meteo's forecasts.")
    open_meteo_archive_url: str = Field("https://archive-api.open-meteo.com", description="Base address of Open-Meteo's archive.")
    open_meteo_previous_url: str = Field(
        "https://previous-runs-api.open-meteo.com",
        description="Base address of Open-Meteo's previous runs (what was forecast at the time).",
    )
