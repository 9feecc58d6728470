"""What devices say by way of a platform: NB-IoT by HTTP push, LoRaWAN by MQTT."""
