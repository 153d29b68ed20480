def test_a(settings):
    from training_pipeline import loading
    assert loading.load(settings, fixture=True).rows==60865
def test_b(loaded_settings):
    from training_pipeline import loading
    assert not loading.load(loaded_settings, fixture=True).changed
def test_c(pipeline_settings):
    from training_pipeline import registry
    registry.client(pipeline_settings)
def test_d(pipeline_settings):
    import datetime
    from training_pipeline import dbt
    r=dbt.invoke(pipeline_settings,["build","--exclude","tag:model_gate"],datetime.date(2017,4,30))
    assert r.success
def test_e(pipeline_settings):
    import datetime
    from training_pipeline import dbt
    r=dbt.invoke(pipeline_settings,["build","--exclude","tag:model_gate"],datetime.date(2017,4,30))
    assert r.success
